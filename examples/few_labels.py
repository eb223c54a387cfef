"""You have 1,297 images of digits, a hundred of them labelled. How well can the rest be read?"""

import numpy as np
from sklearn.datasets import load_digits

from fewlabels import PretrainedClassifier

images, digits = load_digits(return_X_y=True)  # [1797, 64] pixels, 0 to 16
order = np.random.default_rng(0).permutation(len(images))
mine, later = order[:1297], order[1297:]

labels = digits[mine].copy()
labels[100:] = -1  # no label

classifier = PretrainedClassifier(transfer="probe", steps=300, random_state=0)
classifier.fit(images[mine], labels)  # pretrains on all images, then fits on the labelled ones
print(f"{classifier.score(images[later], digits[later]):.1%} of {len(later)} images it has never seen")

probabilities = classifier.predict_proba(images[later])
unsure = probabilities.max(axis=1) < 0.5
print(f"{unsure.sum()} of them it would rather show to a person")
