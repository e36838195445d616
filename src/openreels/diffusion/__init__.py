"""The mathematics of flow matching; knows no network and no file."""
