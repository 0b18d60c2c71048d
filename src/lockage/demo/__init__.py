"""A demonstration that needs nothing else of Lockage: an application to upgrade, and traffic that shows what users feel."""
