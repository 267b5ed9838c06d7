-- How many labels of each labeler were rejected, by verdict; ever, as labelers.rejected counts them.
CREATE TABLE verdicts (
    labeler INTEGER NOT NULL,      -- labelers.id
    verdict TEXT NOT NULL,
    labels  INTEGER NOT NULL,
    PRIMARY KEY (labeler, verdict)
) STRICT, WITHOUT ROWID;
-- Of those from before only the newest are still there to be counted.
INSERT INTO verdicts SELECT labeler, verdict, count(*) FROM rejected GROUP BY labeler, verdict;
