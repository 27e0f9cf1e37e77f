"""StatisticsGen whose statistics say what made them."""
