-- The texts serve as they are.
SELECT 1;
