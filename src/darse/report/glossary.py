"""The words of the report, one line each."""

GLOSSARY = (
    ("site", "a place of the model that gets one rank: a layer, a group of layers or a single module"),
    ("plan", "a rank for every site; rank 0 leaves a site as the base model has it"),
    ("cost", "trainable parameters of a plan's adapter, the head not counted"),
    ("validation loss (search)", "what the search makes small, on rows that are not learned from; lower is better"),
    ("full run", "a plan trained for all its epochs"),
    ("short run", "a plan trained for a third of the epochs, where it is open whether it matters where ranks sit"),
    ("cut", "a plan read off finished full runs by cutting their ranks, without training"),
    ("recovered", "a plan that was cut and then trained on for a while"),
    ("mean", "the mean of a plan's full runs, cut back to its ranks: one adapter of the same size"),
    ("finalist", "the best candidate of a size, which is trained in full"),
    ("proxy correlation", "how alike cheap scores and full runs order the plans: 1 is the same order, 0 no relation"),
    ("noise floor", "how much the seed alone moves the validation loss; no smaller gain is chased"),
    ("control", "a plan trained beside the found one, which has to beat it or at least match it"),
    ("effect", "how much better the found plan is than a control; above zero is better"),
    ("verdict", "what the intervals of the effects allow to say: better, smaller and not worse, no difference, worse"),
    ("sign accuracy", "share of rows whose predicted score has the sign of the true one"),
)
