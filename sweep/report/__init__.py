"""What a study leaves behind for people."""
