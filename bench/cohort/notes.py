"""The questions of BenchmarkNotes asked of tantivy, on the very same notes.

    EMBER_BENCH_NOTES=/tmp/notes.tsv go test ./cohort -run XXX -bench Notes -benchtime 50x
    python bench/cohort/notes.py /tmp/notes.tsv CODE CODE

A document is a patient with a note: its text, and the codes of the last two years, so that
the date needs no looking up. The codes are those in the benchmark's questions. Counts are
of those who say the phrase, also where they deny it: tantivy knows no negation.
"""

import statistics
import sys
import tempfile
import time

import tantivy

schema = tantivy.SchemaBuilder()
schema.add_text_field("text", tokenizer_name="default", index_option="position")
schema.add_text_field("code", tokenizer_name="raw", index_option="basic")
schema.add_unsigned_field("patient", stored=True)
index = tantivy.Index(schema.build(), path=tempfile.mkdtemp())
writer = index.writer(heap_size=256_000_000)
start = time.process_time()
for line in open(sys.argv[1]):
    patient, codes, text = line.rstrip("\n").split("\t")
    writer.add_document(tantivy.Document(patient=int(patient), code=codes.split(), text=text))
writer.commit()
writer.wait_merging_threads()
index.reload()
print(f"indexed in {time.process_time() - start:.1f} s of processor time")
searcher = index.searcher()
for code in [*sys.argv[2:], None]:
    text = 'text:"peripheral neuropathy"' + (f" AND code:{code}" if code else "")
    query = index.parse_query(text, ["text"])
    took = []
    for _ in range(50):
        begun = time.perf_counter()
        found = searcher.search(query, limit=1, count=True)
        took.append(1000 * (time.perf_counter() - begun))
    print(f"{text:50} {statistics.median(took):8.3f} p50-ms {found.count:8d} patients")
