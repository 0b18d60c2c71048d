"""One module a family of causes."""
