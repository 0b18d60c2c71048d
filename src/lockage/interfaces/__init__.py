"""Where people and programs come in; ``wiring`` alone knows which adapter stands behind which port."""
