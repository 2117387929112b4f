module tlspair

go 1.24
