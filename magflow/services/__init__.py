"""What can be done: one function a capability, the only writers of the database."""
