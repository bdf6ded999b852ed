"""What turns things into numbers and back: texts, sounds, melodies."""
