"""Time steps, integrators and samplers: functions of a denoiser."""
