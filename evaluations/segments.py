"""Speech segments of a recorded channel. Pure: the detector arrives as an argument."""
