"""How the embedded demo was made: its training, its measurement, its model card. No part of the installed package."""
