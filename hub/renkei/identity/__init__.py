"""Who is who: normalizing, matching, linking."""
