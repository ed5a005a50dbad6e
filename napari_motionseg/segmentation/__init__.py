"""Few labels to masks: fine-tune, predict, measure."""
