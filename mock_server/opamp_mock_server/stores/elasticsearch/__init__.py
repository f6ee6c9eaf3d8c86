"""A store in Elasticsearch, which any number of instances share."""
