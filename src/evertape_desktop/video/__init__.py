"""Live pictures: where they come from, how they are decoded, and the widget that shows them."""
