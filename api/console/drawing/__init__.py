"""What the pages draw, as numbers: pure functions from declarations and states to places on a canvas."""
