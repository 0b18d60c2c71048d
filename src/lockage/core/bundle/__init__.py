"""What a bundle holds, how it is masked and checked, and the page that shows it."""
