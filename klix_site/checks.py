"""System checks of the settings; `manage.py check` lists them with ids and hints."""
