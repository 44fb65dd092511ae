"""What theory says, computed exactly on games and distributions that are known."""
