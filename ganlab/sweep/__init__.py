"""Many runs from one W&B sweep file, without W&B's server: workers that share a study on a shared disk."""
