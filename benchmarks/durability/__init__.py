"""What the durability campaigns are made of: the commands above this package run them."""
