"""What the page of a call says about it: findings, figures, and the timeline, as values ready to draw."""
