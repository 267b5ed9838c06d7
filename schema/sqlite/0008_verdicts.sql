-- How many labels of each labeler were rejected, by verdict: since this table is there, and of those
-- from before as many as were still kept.
CREATE TABLE verdicts (
    labeler INTEGER NOT NULL,      -- labelers.id
    verdict TEXT NOT NULL,
    labels  INTEGER NOT NULL,
    PRIMARY KEY (labeler, verdict)
) STRICT, WITHOUT ROWID;
INSERT INTO verdicts SELECT labeler, verdict, count(*) FROM rejected GROUP BY labeler, verdict;
