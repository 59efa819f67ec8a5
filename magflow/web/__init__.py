"""What the ways in of all areas share: access, errors, forms, the API's foundation, the admin shell."""
