"""The questions of BenchmarkCohort asked of DuckDB, on the very same facts.

    EMBER_BENCH_PATIENTS=1000000 EMBER_BENCH_CSV=/tmp/lean go test ./cohort -run XXX -bench Cohort
    python bench/cohort/duck.py /tmp/lean

The table of events is sorted by code and patient, which is the best order for these
questions. Each is asked until 20 times are measured; the median is printed, in
milliseconds, with the number of patients, which must be the benchmark's.
"""

import statistics
import sys
import time

import duckdb

base = sys.argv[1]
code = open(base + ".codes").read().split()
now = "DATE '2026-11-23'"

db = duckdb.connect()
db.execute("SET threads TO 2")
db.execute(f"CREATE TABLE people AS SELECT * FROM read_csv('{base}.people.csv') ORDER BY patient")
db.execute(
    f"""CREATE TABLE events AS
    SELECT patient::UINTEGER AS patient, kind::UTINYINT AS kind, code, day::INTEGER AS day, value::FLOAT AS value
    FROM read_csv('{base}.events.csv', types={{'code': 'VARCHAR', 'value': 'DOUBLE'}})
    ORDER BY code, patient, day"""
)
# Codes as numbers, so that no strings are compared.
db.execute("CREATE TYPE code AS ENUM (SELECT DISTINCT code FROM events ORDER BY code)")
db.execute("CREATE TABLE facts AS SELECT patient, kind, code::code AS code, day, value FROM events ORDER BY code, patient, day")
db.execute("DROP TABLE events")

has = "(SELECT DISTINCT patient FROM facts WHERE code = '{}')".format
age = f"date_diff('year', born, {now}) - CASE WHEN strftime({now}, '%m%d') < strftime(born, '%m%d') THEN 1 ELSE 0 END"
questions = {
    "four-codes": f"""SELECT count(*) FROM people WHERE patient IN {has(code[0])} AND patient IN {has(code[1])} AND patient IN {has(code[3])}
        AND patient NOT IN {has(code[4])} AND {age} BETWEEN 40 AND 70""",
    "value-twice": f"""SELECT count(DISTINCT patient) FROM (SELECT patient, day, lead(day) OVER (PARTITION BY patient ORDER BY day) AS next
        FROM facts WHERE code = '{code[2]}' AND value > 8) WHERE next - day <= 365""",
    "a-then-b": f"""SELECT count(DISTINCT a.patient) FROM facts a JOIN facts b USING (patient)
        WHERE a.code = '{code[1]}' AND b.code = '{code[3]}' AND b.day BETWEEN a.day AND a.day + 30""",
    "a-then-b-without-c": f"""SELECT count(DISTINCT a.patient) FROM facts a JOIN facts b USING (patient)
        WHERE a.code = '{code[1]}' AND b.code = '{code[3]}' AND b.day BETWEEN a.day AND a.day + 30
        AND NOT EXISTS (SELECT 1 FROM facts c WHERE c.patient = a.patient AND c.code = '{code[7]}' AND c.day BETWEEN a.day AND b.day)""",
    "or": f"""SELECT count(*) FROM people WHERE sex = 1 AND patient IN
        (SELECT patient FROM facts WHERE code IN ('{code[6]}', '{code[9]}', '{code[10]}'))""",
}
for name, sql in questions.items():
    db.execute(sql).fetchone()
    took = []
    for _ in range(20):
        start = time.perf_counter()
        (n,) = db.execute(sql).fetchone()
        took.append(1000 * (time.perf_counter() - start))
    print(f"{name:20} {statistics.median(took):10.2f} p50-ms {n:10d} patients")
