"""Sample rate conversion, as the audio rooms name it."""

from agents.resampling import Resampler, resample

__all__ = ["Resampler", "resample"]
