"""The rules that find hazards, one module a family, and what a hazard is; pure. Their texts are data: ``lockage/hazards``."""
