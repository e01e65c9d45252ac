"""Studies: several training configurations over several seeds, from one YAML file to a table and a picture with intervals."""
