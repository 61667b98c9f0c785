"""Why a record is, or is not, in step, told by the rules themselves: pure (DESIGN 6, `coupled explain`)."""
