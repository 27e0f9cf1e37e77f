"""Make the project's environment with nothing but git, make and Python 3.8 or newer."""
