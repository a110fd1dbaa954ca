-- The texts serve as they are, and so do the sums.
SELECT 1;
