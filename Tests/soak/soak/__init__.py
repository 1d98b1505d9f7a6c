"""What a riffd is put through, and what must be as before afterwards."""
