"""What is said of tasks and hangs on them: comments, files and ratings. None of it changes a task's version."""
