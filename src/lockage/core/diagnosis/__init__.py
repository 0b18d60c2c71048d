"""What is wrong, why, how sure that is, and what to type next: rules over evidence."""
