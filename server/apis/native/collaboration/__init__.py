"""The native API's services for what people do together: projects, comments, files of tasks, ratings."""
