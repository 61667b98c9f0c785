"""What puts records on topics: capture of each side, sweeps, commands."""
