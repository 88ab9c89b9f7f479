#!lua name=parley1
