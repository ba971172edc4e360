"""From scenes to scores beside the published ones, in one folder."""
