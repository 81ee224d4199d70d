"""What spikes say of the model that made them: likelihood step by step, its links, its fits, its bounds."""
