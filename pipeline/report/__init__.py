"""What is known of a trained model, as one HTML file that needs no network."""
