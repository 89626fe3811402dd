"""The engines SOKE runs on, started from packages where no URL names a real one."""
