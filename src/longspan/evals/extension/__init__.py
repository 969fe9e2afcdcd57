"""What a method that extends the window does to one model: measured, compared, and one chosen or none."""
