"""What a target server has told of its speed, and what that makes of the rates."""
