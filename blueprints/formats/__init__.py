"""Pure wire shapes: no await, no Quart, no decisions."""
