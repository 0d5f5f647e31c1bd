"""The script language of the script brain. Pure: parsing and the machine that plays a script."""
