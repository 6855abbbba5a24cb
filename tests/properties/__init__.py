"""What must hold for any events at all."""
