"""What the methods share that estimate one number by sampling."""
