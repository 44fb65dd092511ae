"""Many runs read and compared; needs no torch, so that a login node or a laptop can."""
